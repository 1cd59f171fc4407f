"""Arithmetic of prices: no IO, no clock, no float."""
