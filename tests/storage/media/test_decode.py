"""Decoding: timestamps, geometry, sound, damage, and files that try to reach outside themselves."""

import http.server
import io
import pickle
import threading

import av
import numpy as np
import pytest

from storage.media.container import MediaError, open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from tests.media_files import DATA, Watch, grey_video, needs_data, sound_file


def video(path, **how):
    with open(path, "rb") as file, open_media(file) as media:
        frames = decode_video(media, **how)
        return list(frames), frames


def sound(path, **how):
    with open(path, "rb") as file, open_media(file) as media:
        return decode_audio(media, **how)


def greys(frames):
    return [round((float(rgb.mean()) - 20) / 3) for rgb in frames]


@pytest.fixture
def server():
    """A loopback HTTP server; `.hits` are the paths that were asked for."""
    hits = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.hits = hits
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


LISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{file}\n#EXTINF:2,\n{url}/a.ts\n",
    "hls_named_video.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{file}\n{url}/b.ts\n",
    "concat.ffconcat": "ffconcat version 1.0\nfile '{file}'\nfile '{url}/c.mp4'\n",
    "concat_named_video.mp4": "ffconcat version 1.0\nfile 'canary.mp4'\n",
    "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<Period><AdaptationSet><Representation id='1'><BaseURL>{url}/d.mp4</BaseURL></Representation>"
    "</AdaptationSet></Period></MPD>",
    "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_files_opens_nothing(name, tmp_path, server):
    canary = grey_video(tmp_path / "canary.mp4", range(0, 400, 40))
    port = server.server_address[1]
    text = LISTS[name].format(file=canary, url=f"http://127.0.0.1:{port}", port=port)
    (tmp_path / name).write_text(text)
    with Watch(canary) as watch:
        with open(tmp_path / name, "rb") as file, pytest.raises(MediaError) as refused, open_media(file):
            pass
        assert watch.opens == 0
    assert server.hits == []
    assert refused.value.code == "playlist"


def test_the_watch_and_the_server_notice_an_unprotected_open(tmp_path, server):
    """The control of the test above: without our limits the same files do reach outside."""
    canary = grey_video(tmp_path / "canary.mp4", range(0, 400, 40))
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile 'canary.mp4'\n")
    url = f"http://127.0.0.1:{server.server_address[1]}/a.ts"
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", url, "#EXT-X-ENDLIST", "")
    (tmp_path / "list.m3u8").write_text("\n".join(lines))
    with Watch(canary) as watch:
        with av.open(str(tmp_path / "list.ffconcat")):
            pass
        assert watch.opens > 0
    with pytest.raises(av.FFmpegError):
        av.open(str(tmp_path / "list.m3u8"), options={"protocol_whitelist": "file,http,tcp"}, timeout=10)
    assert "/a.ts" in server.hits


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_picture_above_the_limit_is_refused_at_once(suffix, tmp_path):
    codec = "mpeg2video" if suffix == "avi" else "libx264"
    path = grey_video(tmp_path / f"a.{suffix}", range(0, 400, 40), codec=codec)
    with open(path, "rb") as file, open_media(file, max_pixels=64 * 48) as media:
        assert len(list(decode_video(media))) > 5
    with open(path, "rb") as file, pytest.raises(MediaError) as refused, open_media(file, max_pixels=64 * 47):
        pass
    assert refused.value.code == "too_large"


def test_a_stream_without_header_is_not_even_probed_above_the_limit(tmp_path):
    path = grey_video(tmp_path / "a.ts", range(0, 400, 40), codec="mpeg2video")
    with open(path, "rb") as file, open_media(file, max_pixels=64 * 47) as media:
        decoded = decode_video(media)
        assert list(decoded) == []
    assert "undecodable" in decoded.damage


def test_a_picture_that_grows_on_the_way_is_not_decoded(tmp_path):
    """The header is honest about the first picture only: the codec holds the limit for the rest."""
    small = grey_video(tmp_path / "small.ts", range(0, 400, 40), codec="mpeg2video")
    large = grey_video(tmp_path / "large.ts", range(0, 400, 40), size=(512, 512), codec="mpeg2video")
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with open(both, "rb") as file, open_media(file, max_pixels=100 * 100) as media:
        decoded = decode_video(media)
        assert {rgb.shape for rgb in decoded} == {(48, 64, 3)}
    assert decoded.damage


def test_a_container_that_claims_65535_pixels_a_side_is_harmless(tmp_path):
    path = tmp_path / "a.mp4"
    encode_video(path, [np.full((48, 64, 3), 90, np.uint8)] * 10, 25)
    data = bytearray(path.read_bytes())
    at = data.find(b"avc1", data.find(b"stsd")) + 28
    assert data[at : at + 4] == b"\0\x40\0\x30"
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with open(path, "rb") as file, open_media(file) as media:
        assert media.video.width <= 8192
        assert all(max(rgb.shape) < 200 for rgb in decode_video(media))


def test_errors_survive_the_way_between_processes():
    error = pickle.loads(pickle.dumps(MediaError("broken", "why")))
    assert (error.code, str(error)) == ("broken", "why")


def test_damaged_bytes_never_raise_anything_but_a_media_error(tmp_path):
    frames = [np.random.default_rng(k).integers(0, 255, (48, 64, 3), np.uint8) for k in range(12)]
    whole = encode_video(None, frames, 25, np.sin(np.arange(8000) / 9).astype(np.float32))
    outcomes = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        spoilt = bytearray(whole[: len(whole) if seed % 3 else int(rng.integers(1, len(whole)))])
        for at in rng.integers(0, len(spoilt), 20):
            spoilt[at] = rng.integers(256)
        try:
            with open_media(io.BytesIO(spoilt)) as media:
                decoded = decode_video(media, fps=25.0)
                count = sum(1 for _ in decoded)
                damage = decode_audio(media).damage if media.audio else ""
                outcomes.add("damaged" if decoded.damage or damage or count < 12 else "whole")
        except MediaError as error:
            outcomes.add(error.code)
    assert {"damaged", "broken"} <= outcomes


def test_variable_frame_rate_follows_the_timestamps(tmp_path):
    times = [0, 40, 80, 200, 240, 400, 520, 560]
    frames, _ = video(grey_video(tmp_path / "vfr.mkv", times), fps=25.0)
    expected = [int(np.argmin([abs(t - 40 * k - 1e-3) for t in times])) for k in range(len(frames))]
    assert 14 <= len(frames) <= 16
    # A frame exactly between two may come from either side; all others must be the nearest.
    for k, grey in enumerate(greys(frames)):
        assert abs(times[grey] - 40 * k) == abs(times[expected[k]] - 40 * k)


def test_a_broken_clock_cannot_fill_the_memory(tmp_path):
    path = grey_video(tmp_path / "jump.mkv", [0, 40, 80, 90_000_000])
    frames, decoded = video(path, fps=25.0)
    assert len(frames) < 10
    assert "jump" in decoded.damage


def test_a_span_is_the_same_frames_as_cut_from_the_whole(tmp_path):
    path = tmp_path / "a.mp4"
    pictures = [np.full((48, 64, 3), 20 + 3 * k, np.uint8) for k in range(60)]
    encode_video(path, pictures, 25, np.zeros(38400, np.float32))
    whole, _ = video(path, fps=25.0)
    part, _ = video(path, fps=25.0, span=(1.0, 1.6))
    assert greys(part) == greys(whole)[25:40]


def test_late_sound_is_padded_and_early_sound_cut(tmp_path):
    click = np.zeros(16000, np.float32)
    click[4000:4100] = 0.9
    for start in (0.4, 0.0):
        path = grey_video(tmp_path / f"{start}.mkv", range(0, 2000, 40), audio=click, audio_from=start)
        at = int(np.argmax(np.abs(sound(path).samples) > 0.4))
        assert abs(at - (start * 16000 + 4000)) <= 16
    late_picture = grey_video(tmp_path / "late.mkv", range(200, 2000, 40), audio=click)
    assert abs(int(np.argmax(np.abs(sound(late_picture).samples) > 0.4)) - (4000 - 3200)) <= 16


def test_speech_in_the_centre_of_5_1_keeps_its_level(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(48000) / 48000)
    channels = np.zeros((6, 48000))
    channels[2] = tone
    centre = sound(sound_file(tmp_path / "centre.mkv", channels, 48000, "5.1"))
    assert np.sqrt((centre.samples[1000:-1000] ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    loud = sound(sound_file(tmp_path / "loud.mkv", np.stack([tone * 1.9] * 6), 48000, "5.1"))
    assert 0.8 < np.abs(loud.samples).max() <= 1.01


def test_nan_and_infinity_become_silence_and_are_counted(tmp_path):
    samples = 0.5 * np.sin(np.arange(16000) / 10)
    samples[100:150], samples[300], samples[301] = np.nan, np.inf, -np.inf
    audio = sound(sound_file(tmp_path / "a.wav", samples[None], 16000, "mono"))
    assert audio.nonfinite == 52
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max() < 0.6


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mpg", "ts", "avi", "mov"])
def test_decoding_twice_from_one_open_file_gives_the_same(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    codec = "mpeg2video" if suffix in ("mpg", "ts") else "libx264"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(30):
            grey = np.full((48, 64, 3), 20 + 3 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(stream.encode(None))
    with open(path, "rb") as file, open_media(file) as media:
        first = greys(decode_video(media, fps=25.0))
        assert greys(decode_video(media, fps=25.0)) == first
    assert first == list(range(30))


@needs_data
@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("fps60.mp4", (121, 122), (524, 524)),
        ("vfr.mp4", (122, 122), (524, 524)),
        ("no_face.mp4", (120, 120), (768, 432)),
        ("rotated_display_matrix.mp4", (100, 100), (540, 960)),
        ("anamorphic_sar_12_11.mp4", (75, 75), (384, 288)),
        ("odd_dims_511x401_yuv444.mp4", (122, 122), (511, 401)),
        ("interlaced_tff.mpg", (122, 122), (524, 524)),
    ],
)
def test_real_files_come_out_upright_square_and_at_25_fps(name, count, size):
    frames, decoded = video(DATA / "bad" / name, fps=25.0)
    assert count[0] <= len(frames) <= count[1]
    assert frames[0].shape == (size[1], size[0], 3)
    assert decoded.damage == ""


@needs_data
def test_a_rotated_phone_video_is_turned_the_right_way():
    """The rotated file and the upright clip show the same scene."""
    turned, _ = video(DATA / "bad" / "rotated_display_matrix.mp4", fps=1.0, size=(54, 96), span=(0.0, 1.0))
    upright, _ = video(DATA / "clips" / "latentsync_demo1.mp4", fps=1.0, size=(54, 96), span=(0.0, 1.0))
    assert np.corrcoef(turned[0].ravel(), upright[0].ravel())[0, 1] > 0.98
    assert np.corrcoef(turned[0][::-1, ::-1].ravel(), upright[0].ravel())[0, 1] < 0.9


@needs_data
def test_real_damage_is_found():
    _, corrupt = video(DATA / "bad" / "corrupt_midstream.mp4")
    assert "corrupt video frames" in corrupt.damage
    assert "undecodable sound packets" in sound(DATA / "bad" / "corrupt_midstream.mp4").damage
    cut, truncated = video(DATA / "bad" / "truncated_faststart.mp4")
    assert 60 <= len(cut) <= 70
    assert "stops after 2.7 of 4.9 s" in truncated.damage


@needs_data
def test_real_sound_lies_where_its_timestamps_say():
    late = sound(DATA / "bad" / "audio_start_pts_0.4s.mp4")
    plain = sound(DATA / "bad" / "base_ok.mp4")
    assert np.abs(late.samples[: int(0.37 * 16000)]).max() == 0
    a, b = late.samples[6016 : 6016 + 60000], plain.samples[:60000]
    spectrum = np.fft.irfft(np.fft.rfft(a, 131072) * np.conj(np.fft.rfft(b, 131072)))
    lag = int(np.argmax(spectrum))
    assert min(lag, 131072 - lag) < 0.04 * 16000
    assert sound(DATA / "bad" / "nan_inf_float32.wav").nonfinite == 402
    assert sound(DATA / "bad" / "streamed_header_size_ffffffff.wav").seconds == pytest.approx(5.24, abs=0.01)


def test_a_file_that_is_read_again_is_as_long_as_it_was(tmp_path):
    """Its container is opened anew for that, and what the old one said of its length must not be asked again."""
    path = grey_video(tmp_path / "a.mkv", range(0, 1000, 40))
    for _ in range(30):
        with open(path, "rb") as file, open_media(file) as media:
            assert len(list(decode_video(media))) == 25
            again = decode_video(media, span=(0.2, None))
            assert len(list(again)) == 20
            assert again.damage == ""
