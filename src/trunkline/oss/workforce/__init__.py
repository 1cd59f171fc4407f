"""Workforce: technicians, their time and their visits."""
