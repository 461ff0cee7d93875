//! Only carries the examples: each is a policy module that `make bench` measures beside ours.
