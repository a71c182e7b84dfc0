#include <iostream>

#include "henb-x2sec/ctl/run.h"

int main(int argc, char** argv) {
  return henb::x2sec::ctl::Run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
