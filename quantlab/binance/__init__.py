"""The Binance dialect: how requests are signed, sent, limited and understood."""
