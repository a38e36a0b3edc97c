"""The tests: unit, contract and end-to-end, with the site they run on."""
