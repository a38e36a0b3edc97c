"""What the tests on the site and the demonstration share: camera, observers, pictures."""
