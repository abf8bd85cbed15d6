"""The prompt evaluation suite: golden scenarios, checks, statistics, and the evaluation of all three."""
