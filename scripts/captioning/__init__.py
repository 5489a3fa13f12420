"""The benchmark of Flickr8k: captioners, their scores beside the published ones."""
