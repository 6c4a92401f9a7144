"""From an accepted video to clips: download, screening, clip planning, exact cutting."""
