// The endpoint's question "who holds it?": POST /debug/holdfast/holders?site=KEY[,KEY] searches and answers a
// dump, GET tells how far a search under way is. Joins the rooms serve and holders for the session.
#pragma once

#include <vector>

#include "serve/routes.h"

namespace holdfast {

std::vector<serve::Route> holders_routes();

}  // namespace holdfast
