# Needs lodge-dev and libtirpc-dev: copy this folder and type make.
CPPFLAGS = -I/usr/include/tirpc
CFLAGS = -O2 -Wall
LODGE_XDR = /usr/share/lodge/c/lodge_xdr.c

# rpcgen declares more than it uses.
client: client.c $(LODGE_XDR)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-unused-variable -o $@ $^ -ltirpc
