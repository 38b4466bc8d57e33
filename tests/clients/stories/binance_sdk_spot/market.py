"""The market through the SDK's REST client and its strict models."""

from paper import SYMBOL, Answers, spot

rest = spot().rest_api
answers = Answers()
note = answers.note
note("ping", rest.ping())
note("time", rest.time())
note("info", rest.exchange_info(symbol=SYMBOL))
note("book", rest.depth(SYMBOL, limit=5))
note("trades", rest.get_trades(SYMBOL, limit=5))
note("older", rest.historical_trades(SYMBOL, limit=5))
note("aggregated", rest.agg_trades(SYMBOL, limit=5))
note("klines", rest.klines(SYMBOL, "1m", limit=5))
note("ui_klines", rest.ui_klines(SYMBOL, "1m", limit=5))
note("average", rest.avg_price(SYMBOL))
note("day", rest.ticker24hr(symbol=SYMBOL))
note("days", rest.ticker24hr(symbols=[SYMBOL, "ETHUSDT"], type="MINI"))
note("trading_day", rest.ticker_trading_day(symbol=SYMBOL))
note("window", rest.ticker(symbol=SYMBOL, window_size="1h"))
note("price", rest.ticker_price(symbol=SYMBOL))
note("prices", rest.ticker_price())
last = rest.ticker_book_ticker(symbol=SYMBOL)
note("best", last)
weights = [limit.count for limit in last.rate_limits if limit.rateLimitType == "REQUEST_WEIGHT"]
answers.show(weight=weights[0], symbol=answers.found["info"]["symbols"][0])
