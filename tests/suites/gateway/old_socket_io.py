# The pilgrims' app in Python; what it gets, a line each.
import json, os, sys
import socketio

url, transports = sys.argv[1], sys.argv[2].split(",") if len(sys.argv) > 2 else None
sio = socketio.Client()
# Handlers are threads: a line is one write.
say = lambda *words: os.write(1, (json.dumps(words) + "\n").encode())

@sio.event
def connect():
    sio.emit("subscribe", {"channel": "crowd", "temple_id": "somnath"})
    sio.emit("subscribe", {"channel": "transport", "temple_id": "somnath"}, callback=lambda answer: say("subscribed", sio.transport()))

for name in ("crowd_update", "transport_update", "emergency", "alert"):
    sio.on(name, lambda data, name=name: say(name, data))

sio.connect(url, transports=transports)
sio.wait()
