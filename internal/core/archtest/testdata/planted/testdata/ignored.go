package ignored

import _ "example.com/anything"
