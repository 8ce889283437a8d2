"""The words of the desk as frozen data; standard library and msgspec only."""
