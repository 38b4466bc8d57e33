"""Market data, from stream to bus: local order books and the feed that keeps them right."""
