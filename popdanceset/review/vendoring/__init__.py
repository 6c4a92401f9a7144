"""three.js for the pages: fetched when the package is built, from the npm registry."""
