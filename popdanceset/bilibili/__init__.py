"""Bilibili as a polite guest sees it: public, unauthenticated, unsigned statistics requests at a low rate."""
