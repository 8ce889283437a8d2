"""Use cases as plain functions over the store; both front ends call them."""
