#include "CContainerInit.h"
