"""Captions of whole collections: folders, archives, web sites, and how their commands go on."""
