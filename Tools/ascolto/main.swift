print("ascolto")
