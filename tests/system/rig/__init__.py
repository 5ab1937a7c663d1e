"""What the cases are made of: a server process, its control socket, phones, SIPp."""
