"""An account's life through the SDK's REST client."""

from binance_common.errors import Error
from binance_sdk_spot.spot import ConfigurationRestAPI, Spot
from paper import KEYS, SYMBOL, VENUE, Answers, near, spot

rest = spot().rest_api
answers = Answers()
note = answers.note
best = rest.ticker_book_ticker(symbol=SYMBOL).data().actual_instance
low, high = near(best.bid_price, 0.9), near(best.ask_price, 1.1)
limit = {"time_in_force": "GTC", "quantity": 0.01, "price": low}

note("tested", rest.order_test(SYMBOL, "BUY", "LIMIT", **limit))
note("tested_rates", rest.order_test(SYMBOL, "BUY", "LIMIT", **limit, compute_commission_rates=True))
placed = note("placed", rest.new_order(SYMBOL, "BUY", "LIMIT", **limit, new_client_order_id="mine-1"))
note("queried", rest.get_order(SYMBOL, order_id=placed.order_id))
note("opened", rest.get_open_orders(SYMBOL))
note("cancelled", rest.delete_order(SYMBOL, order_id=placed.order_id))
note("bought", rest.new_order(SYMBOL, "BUY", "MARKET", quantity=0.02))
note("by_quote", rest.new_order(SYMBOL, "BUY", "MARKET", quote_order_qty=500))

working = rest.new_order(SYMBOL, "BUY", "LIMIT", **limit).data()
note("replaced", rest.order_cancel_replace(
    SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE", **limit, cancel_order_id=working.order_id
))  # fmt: skip
kept = rest.new_order(SYMBOL, "BUY", "LIMIT", **limit).data()
note("amended", rest.order_amend_keep_priority(SYMBOL, 0.005, order_id=kept.order_id))
note("amendments", rest.order_amendments(SYMBOL, kept.order_id))
note("maker", rest.new_order(SYMBOL, "BUY", "LIMIT_MAKER", quantity=0.01, price=low))
note("stop", rest.new_order(SYMBOL, "SELL", "STOP_LOSS", quantity=0.01, stop_price=low))
note("trailing", rest.new_order(SYMBOL, "SELL", "TAKE_PROFIT", quantity=0.01, trailing_delta=200))
note("all_cancelled", rest.delete_open_orders(SYMBOL))

oco = note("oco", rest.order_list_oco(
    SYMBOL, "SELL", 0.01, "LIMIT_MAKER", "STOP_LOSS_LIMIT", above_price=high, below_stop_price=low,
    below_price=near(low, 0.99), below_time_in_force="GTC",
))  # fmt: skip
note("known_list", rest.get_order_list(order_list_id=oco.order_list_id))
note("open_lists", rest.open_order_list())
note("oco_cancelled", rest.delete_order_list(SYMBOL, order_list_id=oco.order_list_id))
note("old_oco", rest.order_oco(SYMBOL, "SELL", 0.01, high, low))
note("oto", rest.order_list_oto(
    SYMBOL, "LIMIT", "BUY", low, 0.01, "MARKET", "SELL", 0.01, working_time_in_force="GTC"
))  # fmt: skip
note("otoco", rest.order_list_otoco(
    SYMBOL, "LIMIT", "BUY", low, 0.01, "SELL", 0.01, "LIMIT_MAKER", working_time_in_force="GTC",
    pending_above_price=high, pending_below_type="STOP_LOSS", pending_below_stop_price=near(low, 0.9),
))  # fmt: skip
rest.delete_open_orders(SYMBOL)  # its model of this answer keeps nothing of a list but the id
note("lists", rest.all_order_list())
note("history", rest.all_orders(SYMBOL))
note("my_trades", rest.my_trades(SYMBOL))
note("counts", rest.rate_limit_order())
note("commission", rest.account_commission(SYMBOL))
note("filters", rest.my_filters(SYMBOL))
note("prevented", rest.my_prevented_matches(SYMBOL, prevented_match_id=1))
note("account", rest.get_account(omit_zero_balances=True))


def stranger(**keys):
    config = ConfigurationRestAPI(**KEYS | keys, base_path=VENUE["rest"], timeout=10_000, retries=0)
    return Spot(config_rest_api=config).rest_api.get_account()


refused = {}
for name, attempt in {
    "absent": lambda: rest.get_order(SYMBOL, order_id=2**40),
    "gone": lambda: rest.delete_order(SYMBOL, order_id=placed.order_id),
    "poor": lambda: rest.new_order(SYMBOL, "SELL", "LIMIT", time_in_force="GTC", quantity=50, price=high),
    "off_grid": lambda: rest.new_order(SYMBOL, "BUY", "LIMIT", **limit | {"price": round(low + 0.001, 3)}),
    "signature": lambda: stranger(api_secret="wrong"),
    "key": lambda: stranger(api_key="k" * 64),
}.items():
    try:
        attempt()
    except Error as error:
        refused[name] = [type(error).__name__, *error.args]
answers.show(refused=refused)
