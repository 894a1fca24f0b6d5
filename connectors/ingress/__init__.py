"""The ingress: channels' requests in, authentic, whole and stored before they are answered."""
