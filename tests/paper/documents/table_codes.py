"""Every code of the documents: provoked in these tests, or why this venue never answers it.

Source: Binance spot "Errors".
"""

from __future__ import annotations

FAULTS = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
}

# by tests of their own, beside the tables
ELSEWHERE = {-1003, -1015, -1101, -1104, -1105, -1135, -1194, -2014, -2015, -2021, -2022, -2035, -2036}

FIX = {-1033, -1034, -1035, *range(-1191, -1168), -1161}
SBE = {-1152, -1153, -1155, -1221}
FIX_OR_SBE = "of the FIX API or of SBE, which this venue does not speak"
UNSUPPORTED = "of icebergs, pegs or OPO lists, which are refused before they are looked at"
OLDER = "older than the code that says the same today"
NEVER: dict[int, str] = {
    **dict.fromkeys(FIX | SBE, FIX_OR_SBE),
    **dict.fromkeys((-1160, -1210, -1211, -1222, -1223, -1224, -1225), UNSUPPORTED),
    -1002: "every key that may not is -2015",
    -1010: "a heading of the documents; the engine's refusals come as -2010, -2011 or -2038",
    -1014: "the wire gives the two legs of a pair one side and one quantity",
    -1016: "a venue that shuts down says so by serverShutdown",
    -1103: f"{OLDER}: -1104",
    -1112: f"{OLDER}: a market order on an empty book expires",
    -1114: f"{OLDER}: -1106",
    -1118: f"{OLDER}: -1105",
    -1119: f"{OLDER}: -1105",
    -1125: "listenKey is gone for spot",
    -2016: "a window without trades is shown as such",
    -2026: "no venue of a test lives for 90 days",
    -2042: "65,535 subscriptions on one connection; the bound is tested where it is",
}

DOCUMENTED = (
    *range(-1003, -999), -1006, -1007, -1008, -1010, -1013, -1014, -1015, -1016, -1020, -1021, -1022, -1033,
    -1034, -1035, *range(-1106, -1099), -1108, -1111, -1112, *range(-1122, -1113), -1125, -1127, -1128,
    -1130, -1134, -1135, -1139, -1145, -1151, -1152, -1153, -1155, -1158, -1160, -1161, -1165, -1166, -1168,
    *range(-1191, -1168), -1194, *range(-1199, -1195), -1210, -1211, *range(-1225, -1219), -2010, -2011,
    -2013, -2014, -2015, -2016, -2021, -2022, -2026, -2035, -2036, -2038, -2039, -2042, -2043,
)  # fmt: skip
