# A WebSocket that comes back where it was; the ids of what it gets, a line each.
import asyncio, json, sys
import websockets

url, last = sys.argv[1].replace("http", "ws", 1), int(sys.argv[2])

async def main():
    global last
    while True:
        try:
            async with websockets.connect(f"{url}/ws/alerts/?channels=alerts&last_event_id={last}", proxy=None) as socket:
                print(json.dumps(["connected", last]), flush=True)
                async for text in socket:
                    event = json.loads(text)
                    if event["event"] in ("alert", "reset"):
                        last = event["event_id"]
                        print(json.dumps(["id", last if event["event"] == "alert" else "reset"]), flush=True)
        except (OSError, websockets.exceptions.WebSocketException):
            pass
        await asyncio.sleep(0.2)

asyncio.run(main())
