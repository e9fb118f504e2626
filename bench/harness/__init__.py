"""The parts of `bench/run`: what is built, who competes, what they are given, how they are driven, and what is told of it."""
