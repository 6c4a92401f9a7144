"""The polite Bilibili client and the crawl: public, unauthenticated, unsigned requests at a low rate."""
