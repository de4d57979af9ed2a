"""The private PostgreSQL and Valkey of a home folder, for whoever has named none of their own."""

from waystation.local.lodging import Lodging, Servers, client_url, lodge

__all__ = ["Lodging", "Servers", "client_url", "lodge"]
