"""River on the stream: features, delayed labels, models that learn as events arrive, and their keeping."""
