"""The peers: the same work on the same broker in the same run, each checked before its time counts."""
