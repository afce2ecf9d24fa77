/* The server that every tutorial begins with: one client at a time, one message each. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "7777"))};
    char buffer[1024];

    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, sizeof(address));
    listen(listener, 5);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        ssize_t n = recv(client, buffer, sizeof(buffer), 0);
        if (n > 0)
            send(client, buffer, (size_t)n, 0);
        close(client);
    }
}
