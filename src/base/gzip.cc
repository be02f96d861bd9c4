#include "base/gzip.h"
