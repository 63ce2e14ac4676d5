"""Residents of a dormitory: who lives in which room, and the directory entry that follows from it."""
