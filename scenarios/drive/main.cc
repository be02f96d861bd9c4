// holdfast_drive: sends the traffic of a story to its running server and says how it went.
#include "scenarios/common/driver.h"
#include "scenarios/common/visitors.h"

int main(int argc, char** argv) {
  return holdfast::scenarios::drive_main(argc, argv, holdfast::scenarios::visitors());
}
