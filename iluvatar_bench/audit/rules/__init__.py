"""The rules of the audit: a module for each kind of object that a client can get wrong."""
