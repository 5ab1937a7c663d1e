"""The areas: each module is a case, each coroutine in it a check."""
