#include "client/echoc.h"

int main(int argc, char **argv)
{
    return echoc_main(argc, argv);
}
