"""What events mean for stock: pure rules, standard library only, time passed in."""
