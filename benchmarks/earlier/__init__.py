"""`make bench-earlier`: this build beside an earlier commit, which gets an environment of its own."""
