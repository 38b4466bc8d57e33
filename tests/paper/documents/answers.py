"""The answers' fields and types, typed by hand from the documents' examples.

Source: Binance spot REST API and WebSocket API, "Response" of each section, and "Conditional fields in
Order Responses"; "Filters", the exchangeInfo format of each.
"""

from __future__ import annotations

from shapes import (
    BOOL,
    DECIMAL,
    ID,
    INT,
    NO_LIST,
    NUMERAL,
    PERCENT,
    TEXT,
    TIME,
    TRUE,
    OneOf,
    Rows,
    exactly,
)

RATE_LIMIT = {"rateLimitType": TEXT, "interval": TEXT, "intervalNum": ID, "limit": ID}
COUNTED_LIMIT = RATE_LIMIT | {"count": ID}

LOT = {"minQty": DECIMAL, "maxQty": DECIMAL, "stepSize": DECIMAL}
FILTER = OneOf(
    "filterType",
    {
        "PRICE_FILTER": {"minPrice": DECIMAL, "maxPrice": DECIMAL, "tickSize": DECIMAL},
        "PERCENT_PRICE": {"multiplierUp": DECIMAL, "multiplierDown": DECIMAL, "avgPriceMins": ID},
        "PERCENT_PRICE_BY_SIDE": {
            "bidMultiplierUp": NUMERAL, "bidMultiplierDown": NUMERAL, "askMultiplierUp": NUMERAL,
            "askMultiplierDown": NUMERAL, "avgPriceMins": ID,
        },
        "LOT_SIZE": LOT,
        "MIN_NOTIONAL": {"minNotional": DECIMAL, "applyToMarket": BOOL, "avgPriceMins": ID},
        "NOTIONAL": {
            "minNotional": DECIMAL, "applyMinToMarket": BOOL, "maxNotional": DECIMAL,
            "applyMaxToMarket": BOOL, "avgPriceMins": ID,
        },
        "ICEBERG_PARTS": {"limit": ID},
        "MARKET_LOT_SIZE": LOT,
        "MAX_NUM_ORDERS": {"maxNumOrders": ID},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": ID},
        "MAX_NUM_ICEBERG_ORDERS": {"maxNumIcebergOrders": ID},
        "MAX_POSITION": {"maxPosition": DECIMAL},
        "TRAILING_DELTA": {
            "minTrailingAboveDelta": ID, "maxTrailingAboveDelta": ID, "minTrailingBelowDelta": ID,
            "maxTrailingBelowDelta": ID,
        },
        "MAX_NUM_ORDER_AMENDS": {"maxNumOrderAmends": ID},
        "MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": ID},
        "EXCHANGE_MAX_NUM_ORDERS": {"maxNumOrders": ID},
        "EXCHANGE_MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": ID},
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": {"maxNumIcebergOrders": ID},
        "EXCHANGE_MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": ID},
        "MAX_ASSET": {"asset": TEXT, "limit": DECIMAL},
    },
)  # fmt: skip

SYMBOL = {
    "symbol": TEXT, "status": TEXT, "baseAsset": TEXT, "baseAssetPrecision": ID, "quoteAsset": TEXT,
    "quotePrecision": ID, "quoteAssetPrecision": ID, "baseCommissionPrecision": ID,
    "quoteCommissionPrecision": ID, "orderTypes": Rows(TEXT), "icebergAllowed": BOOL, "ocoAllowed": BOOL,
    "otoAllowed": BOOL, "opoAllowed": BOOL, "quoteOrderQtyMarketAllowed": BOOL, "allowTrailingStop": BOOL,
    "cancelReplaceAllowed": BOOL, "amendAllowed": BOOL, "pegInstructionsAllowed": BOOL,
    "isSpotTradingAllowed": BOOL, "isMarginTradingAllowed": BOOL, "filters": Rows(FILTER),
    "permissions": (), "permissionSets": Rows(Rows(TEXT)), "defaultSelfTradePreventionMode": TEXT,
    "allowedSelfTradePreventionModes": Rows(TEXT),
}  # fmt: skip
EXCHANGE_INFO = {
    "timezone": exactly("UTC"),
    "serverTime": TIME,
    "rateLimits": Rows(RATE_LIMIT, 4),
    "exchangeFilters": Rows(FILTER, 0),
    "symbols": Rows(SYMBOL),
}
NO_SETS = EXCHANGE_INFO | {"symbols": Rows(SYMBOL | {"permissionSets": ()})}
RULE = {
    "ruleType": exactly("PRICE_RANGE"), "bidLimitMultUp": DECIMAL, "bidLimitMultDown": DECIMAL,
    "askLimitMultUp": DECIMAL, "askLimitMultDown": DECIMAL,
}  # fmt: skip
EXECUTION_RULES = {"symbolRules": Rows({"symbol": TEXT, "rules": Rows(RULE, 0)})}

LEVEL = (DECIMAL, DECIMAL)
BOOK = {"lastUpdateId": ID, "bids": Rows(LEVEL), "asks": Rows(LEVEL)}
TRADE = {
    "id": ID, "price": DECIMAL, "qty": DECIMAL, "quoteQty": DECIMAL, "time": TIME, "isBuyerMaker": BOOL,
    "isBestMatch": BOOL,
}  # fmt: skip
BLOCK_TRADE = {name: shape for name, shape in TRADE.items() if name != "isBestMatch"}
AGG_TRADE = {
    "a": ID, "p": DECIMAL, "q": DECIMAL, "f": ID, "l": ID, "T": TIME, "m": BOOL, "M": BOOL,
}  # fmt: skip
KLINE = (
    TIME, DECIMAL, DECIMAL, DECIMAL, DECIMAL, DECIMAL, TIME, DECIMAL, ID, DECIMAL, DECIMAL, exactly("0"),
)  # fmt: skip
AVG_PRICE = {"mins": ID, "price": DECIMAL, "closeTime": TIME}
MINI = {
    "symbol": TEXT, "openPrice": DECIMAL, "highPrice": DECIMAL, "lowPrice": DECIMAL, "lastPrice": DECIMAL,
    "volume": DECIMAL, "quoteVolume": DECIMAL, "openTime": TIME, "closeTime": TIME, "firstId": ID,
    "lastId": ID, "count": ID,
}  # fmt: skip
WINDOW = MINI | {"priceChange": DECIMAL, "priceChangePercent": PERCENT, "weightedAvgPrice": DECIMAL}
DAY_TICKER = WINDOW | {
    "prevClosePrice": DECIMAL, "lastQty": DECIMAL, "bidPrice": DECIMAL, "bidQty": DECIMAL,
    "askPrice": DECIMAL, "askQty": DECIMAL,
}  # fmt: skip
PRICE = {"symbol": TEXT, "price": DECIMAL}
BOOK_TICKER = {
    "symbol": TEXT, "bidPrice": DECIMAL, "bidQty": DECIMAL, "askPrice": DECIMAL, "askQty": DECIMAL,
}  # fmt: skip

# --- orders

ACK = {"symbol": TEXT, "orderId": ID, "orderListId": NO_LIST, "clientOrderId": TEXT, "transactTime": TIME}
STATE = {
    "price": DECIMAL, "origQty": DECIMAL, "executedQty": DECIMAL, "origQuoteOrderQty": DECIMAL,
    "cummulativeQuoteQty": DECIMAL, "status": TEXT, "timeInForce": TEXT, "type": TEXT, "side": TEXT,
}  # fmt: skip
MODE = {"selfTradePreventionMode": TEXT}
RESULT = ACK | STATE | MODE | {"workingTime": INT}
FILL = {"price": DECIMAL, "qty": DECIMAL, "commission": DECIMAL, "commissionAsset": TEXT, "tradeId": ID}
RESTING = RESULT | {"fills": ()}
FILLED = RESULT | {"fills": Rows(FILL)}
CANCELED = ACK | STATE | MODE | {"origClientOrderId": TEXT, "status": exactly("CANCELED")}
QUERIED = {name: shape for name, shape in (ACK | STATE | MODE).items() if name != "transactTime"} | {
    "stopPrice": DECIMAL, "icebergQty": DECIMAL, "time": TIME, "updateTime": TIME, "isWorking": BOOL,
    "workingTime": INT,
}  # fmt: skip

# fields that come under a condition only
STOP = {"stopPrice": DECIMAL}
STRATEGY = {"strategyId": ID, "strategyType": ID}
TRAILING = {"trailingDelta": ID, "trailingTime": INT}
EXPIRED = {"expiryReason": TEXT}
PREVENTED = {"preventedMatchId": ID, "preventedQuantity": DECIMAL}
IN_LIST = {"orderListId": ID}
TAKER_PREVENTED, MAKER_PREVENTED = {"takerPreventedQuantity": DECIMAL}, {"makerPreventedQuantity": DECIMAL}


def prevented(*quantities: dict[str, object]) -> dict[str, object]:
    """Of a new order that would have met its own: FAQ "Self Trade Prevention", its examples."""
    match = {"preventedMatchId": ID, "makerSymbol": TEXT, "makerOrderId": ID, "price": DECIMAL}
    for each in quantities:
        match |= each
    return {"preventedMatches": (match,)}


DISCOUNT = {
    "enabledForAccount": BOOL, "enabledForSymbol": BOOL, "discountAsset": TEXT, "discount": DECIMAL,
}  # fmt: skip
OF_ORDER = {"maker": DECIMAL, "taker": DECIMAL}
COMMISSION_OF_ORDER = {
    "standardCommissionForOrder": OF_ORDER, "specialCommissionForOrder": OF_ORDER,
    "taxCommissionForOrder": OF_ORDER, "discount": DISCOUNT,
}  # fmt: skip
RATES = OF_ORDER | {"buyer": DECIMAL, "seller": DECIMAL}
COMMISSION = {
    "symbol": TEXT, "standardCommission": RATES, "specialCommission": RATES, "taxCommission": RATES,
    "discount": DISCOUNT,
}  # fmt: skip

AMENDED_ORDER = {
    "symbol": TEXT, "orderId": ID, "orderListId": NO_LIST, "origClientOrderId": TEXT, "clientOrderId": TEXT,
    "price": DECIMAL, "qty": DECIMAL, "executedQty": DECIMAL, "preventedQty": DECIMAL,
    "quoteOrderQty": DECIMAL, "cumulativeQuoteQty": DECIMAL, "status": TEXT, "timeInForce": TEXT,
    "type": TEXT, "side": TEXT, "selfTradePreventionMode": TEXT,
}  # fmt: skip
WORKS = {"workingTime": TIME}
AMENDED = {"transactTime": TIME, "executionId": ID, "amendedOrder": AMENDED_ORDER | WORKS}
AMENDMENT = {
    "symbol": TEXT, "orderId": ID, "executionId": ID, "origClientOrderId": TEXT, "newClientOrderId": TEXT,
    "origQty": DECIMAL, "newQty": DECIMAL, "time": TIME,
}  # fmt: skip

# --- order lists

LEG = {"symbol": TEXT, "orderId": ID, "clientOrderId": TEXT}


def order_list(*reports: object, legs: int = 2, contingency: str = "OCO", done: bool = False) -> dict:
    """An order list with its legs; with `orderReports` where reports are given."""
    shown = {
        "orderListId": ID, "contingencyType": exactly(contingency),
        "listStatusType": exactly("ALL_DONE" if done else "EXEC_STARTED"),
        "listOrderStatus": exactly("ALL_DONE" if done else "EXECUTING"),
        "listClientOrderId": TEXT, "transactionTime": TIME, "symbol": TEXT, "orders": (LEG,) * legs,
    }  # fmt: skip
    return shown | {"orderReports": reports} if reports else shown


LIST_STATUS = {
    "orderListId": ID, "contingencyType": TEXT, "listOrderStatus": TEXT, "listClientOrderId": TEXT,
    "symbol": TEXT, "orders": Rows(LEG, 2),
}  # fmt: skip

# --- account

BALANCE = {"asset": TEXT, "free": DECIMAL, "locked": DECIMAL}
ACCOUNT = {
    "makerCommission": ID, "takerCommission": ID, "buyerCommission": ID, "sellerCommission": ID,
    "commissionRates": {"maker": DECIMAL, "taker": DECIMAL, "buyer": DECIMAL, "seller": DECIMAL},
    "canTrade": BOOL, "canWithdraw": BOOL, "canDeposit": BOOL, "brokered": BOOL,
    "requireSelfTradePrevention": BOOL, "preventSor": BOOL, "updateTime": TIME,
    "accountType": exactly("SPOT"), "balances": Rows(BALANCE), "permissions": (exactly("SPOT"),), "uid": ID,
}  # fmt: skip
MY_TRADE = {
    "symbol": TEXT, "id": ID, "orderId": ID, "orderListId": NO_LIST, "price": DECIMAL, "qty": DECIMAL,
    "quoteQty": DECIMAL, "commission": DECIMAL, "commissionAsset": TEXT, "time": TIME, "isBuyer": BOOL,
    "isMaker": BOOL, "isBestMatch": TRUE,
}  # fmt: skip
PREVENTED_MATCH = {
    "symbol": TEXT, "preventedMatchId": ID, "takerOrderId": ID, "makerSymbol": TEXT, "makerOrderId": ID,
    "tradeGroupId": INT, "selfTradePreventionMode": TEXT, "price": DECIMAL, "transactTime": TIME,
}  # fmt: skip
ALLOCATION = {
    "symbol": TEXT, "allocationId": ID, "allocationType": exactly("SOR"), "orderId": ID,
    "orderListId": INT, "price": DECIMAL, "qty": DECIMAL, "quoteQty": DECIMAL, "commission": DECIMAL,
    "commissionAsset": TEXT, "time": TIME, "isBuyer": BOOL, "isMaker": BOOL, "isAllocator": BOOL,
}  # fmt: skip
MY_FILTERS = {
    "exchangeFilters": Rows(FILTER, 0),
    "symbolFilters": Rows(FILTER),
    "assetFilters": Rows(FILTER, 0),
}
SESSION = {
    "apiKey": TEXT, "authorizedSince": TIME, "connectedSince": TIME, "returnRateLimits": BOOL,
    "serverTime": TIME, "userDataStream": BOOL,
}  # fmt: skip
