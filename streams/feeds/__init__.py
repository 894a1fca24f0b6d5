"""Full feeds for people: how far each is, and a word about those that wait for one."""
