#include "client/plugin/check_echo.h"

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
