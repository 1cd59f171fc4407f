"""What is sold: specifications, offerings and their prices."""
