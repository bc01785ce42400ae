"""Who was seen when and with which labels: sessions of faces, kept in a store, and reports of them."""
