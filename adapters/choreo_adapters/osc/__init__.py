"""OSC input shared by the sensors: a bounded decoder, a draining UDP receiver, phone-app layouts."""
