package nested

import _ "example.com/anything"
