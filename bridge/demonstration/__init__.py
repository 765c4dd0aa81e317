"""The pieces of `folkmoot demo`: a stage with real servers, people on both sides, and what they say to each other."""
