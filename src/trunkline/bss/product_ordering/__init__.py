"""Product orders: what a customer wants changed, from submission to the last item done."""
