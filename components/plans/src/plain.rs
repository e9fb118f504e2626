//! Pictures of pixels without what else their files tell: where and when they were taken, by whom, with which camera. What is seen stays as it is,
//! bit for bit.
//!
//! Segments and chunks stay by what they are, so that those that nobody has thought of are gone. So is what follows a picture in its file, where
//! telephones put further pictures with all that theirs tell.

use imagesize::ImageType;

/// A picture's file.
#[derive(Debug, PartialEq, Eq)]
pub struct Plain {
    /// It.
    pub bytes: Vec<u8>,
    /// Whether it is shown lying on its side: its height is the width of what is seen.
    pub is_on_its_side: bool,
}

/// The file of a PNG or a JPEG without what else it tells; none of what is neither.
pub fn of(file: &[u8]) -> Option<Plain> {
    match imagesize::image_type(file) {
        Ok(ImageType::Png) => Some(Plain { bytes: png(file), is_on_its_side: false }),
        Ok(ImageType::Jpeg) => Some(jpeg(file)),
        _ => None,
    }
}

/// The chunks of a PNG that stay: the picture, and how its colours and pixels are meant. It does not move.
const CHUNKS: [&[u8; 4]; 15] =
    [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs"];

fn png(file: &[u8]) -> Vec<u8> {
    let (signature, mut rest) = file.split_at_checked(8).unwrap_or((file, &[]));
    let mut plain = signature.to_vec();
    while let Some((length, kind)) = rest.first_chunk().zip(rest.get(4..8)) {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        // Each has its length, its kind and a checksum beside what it holds. The last one may have been cut off.
        let end = length.saturating_add(12).min(rest.len());
        let (chunk, after) = rest.split_at(end);
        if CHUNKS.iter().any(|known| kind == *known) {
            plain.extend(chunk);
        }
        if kind == b"IEND" {
            break;
        }
        rest = after;
    }
    plain
}

// Markers of a JPEG (ITU-T T.81, table B.1).
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

fn jpeg(file: &[u8]) -> Plain {
    let mut plain = vec![0xff, START];
    let mut orientation = None;
    let mut at = 2;
    while let Some((marker, start)) = next_marker(file, at) {
        at = start;
        match marker {
            END => {
                plain.extend([0xff, END]);
                break;
            }
            // They stand alone, or mean nothing here.
            0x00..=0xbf | 0xd0..=START => continue,
            _ => {}
        }
        let Some(content) = content(file, start) else { break };
        at = start + 2 + content.len();
        match marker {
            // Without the small picture that it may hold.
            APP0 if content.starts_with(b"JFIF\0") => {
                let head = content.get(..12).unwrap_or(content);
                push(&mut plain, APP0, &[head, &[0, 0]].concat());
            }
            // Which way up it is, of all that a camera has noted.
            APP1 if orientation.is_none() => {
                orientation = orientation_of(content);
                if let Some(orientation) = orientation {
                    push(&mut plain, APP1, &only_orientation(orientation));
                }
            }
            APP2 if content.starts_with(b"ICC_PROFILE\0") => push(&mut plain, APP2, content),
            // How its colours are coded.
            APP14 if content.starts_with(b"Adobe") => push(&mut plain, APP14, content),
            0xc0..=0xcf | SCAN..=0xdf => push(&mut plain, marker, content),
            _ => {}
        }
        if marker == SCAN {
            let end = end_of_scan(file, at);
            plain.extend(file.get(at..end).unwrap_or_default());
            at = end;
        }
    }
    Plain { bytes: plain, is_on_its_side: orientation.is_some_and(|orientation| orientation >= 5) }
}

/// The next marker, and where what follows it begins.
fn next_marker(file: &[u8], mut at: usize) -> Option<(u8, usize)> {
    at += file.get(at..)?.iter().position(|byte| *byte == 0xff)?;
    at += file.get(at..)?.iter().position(|byte| *byte != 0xff)?;
    Some((*file.get(at)?, at + 1))
}

/// What a segment holds, after its length.
fn content(file: &[u8], start: usize) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*file.get(start..)?.first_chunk()?);
    file.get(start + 2..start + usize::from(length))
}

fn push(plain: &mut Vec<u8>, marker: u8, content: &[u8]) {
    if let Ok(length) = u16::try_from(content.len() + 2) {
        plain.extend([0xff, marker]);
        plain.extend(length.to_be_bytes());
        plain.extend(content);
    }
}

/// Where the coded picture after a scan's head ends: at the next marker but those within it.
fn end_of_scan(file: &[u8], mut at: usize) -> usize {
    while let Some(step) = file.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0xff)) {
        at += step;
        match file.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => return at,
            None => break,
        }
    }
    file.len()
}

const EXIF: &[u8] = b"Exif\0\0";

/// Which way up an Exif segment says that the picture is, from 2 to 8 (Exif 2.3, 4.6.4); none where it is as it is stored.
fn orientation_of(content: &[u8]) -> Option<u8> {
    let tiff = content.strip_prefix(EXIF)?;
    let is_little_endian = match tiff.first_chunk()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let number = |at: usize, length: usize| {
        let mut bytes = tiff.get(at..at.checked_add(length)?)?.to_vec();
        if is_little_endian {
            bytes.reverse();
        }
        Some(bytes.into_iter().fold(0_usize, |number, byte| number << 8 | usize::from(byte)))
    };
    let fields = number(4, 4)?;
    let entry = |index: usize| fields.saturating_add(2).saturating_add(index * 12);
    let is_it = |at: usize| number(at, 2) == Some(0x0112) && number(at.saturating_add(2), 2) == Some(3);
    let at = (0..number(fields, 2)?).map(entry).find(|at| is_it(*at))?;
    number(at.saturating_add(8), 2)
        .and_then(|orientation| u8::try_from(orientation).ok())
        .filter(|orientation| (2..=8).contains(orientation))
}

/// An Exif segment that says that alone.
fn only_orientation(orientation: u8) -> Vec<u8> {
    let field = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    [EXIF, b"MM\0*\0\0\0\x08\0\x01", &field, &[0; 4]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, marker, content);
        bytes
    }

    /// An Exif segment that tells of a place, with the orientation behind it, in the order of bytes of most telephones.
    fn exif(orientation: u8) -> Vec<u8> {
        let make = [0x0f, 0x01, 2, 0, 4, 0, 0, 0, b'G', b'P', b'S', b'1'];
        let which = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
        segment(APP1, &[EXIF, b"II*\0\x08\0\0\0\x02\0", &make, &which, &[0; 4], b"serial 4711"].concat())
    }

    const JFIF: &[u8] = b"JFIF\0\x01\x02\0\0\x01\0\x01";

    /// What is seen of a picture in two scans: tables, the frame's head, scans with bytes that look like markers, and a restart within.
    fn seen() -> Vec<u8> {
        let frame = segment(0xc2, b"\x08\0\x10\0\x20\x01\x01\x11\0");
        let scan = |data: &[u8]| [segment(SCAN, b"\x01\x01\0\0\x3f\0"), data.to_vec()].concat();
        [segment(0xdb, &[1; 65]), frame, scan(b"\x12\xff\0\x34\xff\xd0\x56"), segment(0xc4, &[2; 20]), scan(b"\x78\xff\xff\0\x9a")].concat()
    }

    #[test]
    fn a_png_does_not_move() {
        let chunk =
            |kind: &[u8], content: &[u8]| [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], kind, content, &[0; 4]].concat();
        let signature = b"\x89PNG\r\n\x1a\n".to_vec();
        let (head, data, end) = (chunk(b"IHDR", &[0; 13]), chunk(b"IDAT", b"pixels"), chunk(b"IEND", b""));
        let [control, frame, next] = [chunk(b"acTL", &[0; 8]), chunk(b"fcTL", &[0; 26]), chunk(b"fdAT", b"others")];
        let file = [&signature[..], &head, &control, &frame, &data, &frame, &next, &end].concat();
        assert_eq!(png(&file), [signature, head, data, end].concat());
    }

    #[test]
    fn of_a_jpeg_what_is_seen_stays() {
        let profile = segment(APP2, b"ICC_PROFILE\0\x01\x01colours");
        let adobe = segment(APP14, b"Adobe\0\x64\0\0\0\0\x01");
        let small = [JFIF, &[1, 1], b"RGB"].concat();
        let trailer = [&[0xff, START][..], &exif(6), &[0xff, END], b"a film"].concat();
        let file = [
            &[0xff, START][..],
            &segment(APP0, &small),
            &segment(APP0, b"JFXX\0\x10a small picture"),
            &exif(1),
            &segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x>GPS</x>"),
            &profile,
            &segment(APP2, b"MPF\0where the others are"),
            &segment(0xed, b"Photoshop 3.0\0who took it"),
            &adobe,
            &segment(0xfe, b"a comment"),
            &[0xff, 0xff],
            &seen(),
            &[0xff, END],
            &trailer,
        ]
        .concat();
        let plain = jpeg(&file);
        let expected = [&[0xff, START][..], &segment(APP0, &[JFIF, &[0, 0]].concat()), &profile, &adobe, &seen(), &[0xff, END]].concat();
        assert_eq!(plain, Plain { bytes: expected, is_on_its_side: false });
        assert_eq!(jpeg(&plain.bytes), plain, "there is no more to take");
        assert_eq!(imagesize::blob_size(&plain.bytes).map(|size| (size.width, size.height)).unwrap(), (32, 16));
    }

    #[test]
    fn a_picture_stays_the_way_up_that_it_was() {
        for orientation in 2..=8 {
            let file = [&[0xff, START][..], &exif(orientation), &seen(), &[0xff, END]].concat();
            let plain = jpeg(&file);
            assert_eq!(plain.is_on_its_side, orientation >= 5);
            let segments = [&[0xff, START][..], &segment(APP1, &only_orientation(orientation)), &seen(), &[0xff, END]].concat();
            assert_eq!(plain.bytes, segments);
            assert_eq!(orientation_of(&only_orientation(orientation)), Some(orientation));
            assert_eq!(jpeg(&plain.bytes), plain);
        }
        for nonsense in [&b"Exif\0\0"[..], b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0IM*\0", b""] {
            assert_eq!(orientation_of(nonsense), None);
        }
        assert_eq!(orientation_of(&only_orientation(1)), None);
    }

    #[test]
    fn of_a_png_what_is_seen_stays() {
        let chunk = |kind: &[u8; 4], content: &[u8]| {
            [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], kind, content, b"\x01\x02\x03\x04"].concat()
        };
        let signature = b"\x89PNG\r\n\x1a\n";
        let (head, colours) = (chunk(b"IHDR", b"\0\0\0\x20\0\0\0\x10\x08\x06\0\0\0"), chunk(b"iCCP", b"colours"));
        let (data, end) = (chunk(b"IDAT", b"pixels"), chunk(b"IEND", b""));
        let file = [
            &signature[..],
            &head,
            &chunk(b"tEXt", b"Author\0somebody"),
            &chunk(b"iTXt", b"XML:com.adobe.xmp\0"),
            &chunk(b"zTXt", b"Comment\0"),
            &colours,
            &chunk(b"eXIf", b"MM\0*"),
            &chunk(b"tIME", b"\x07\xea\x0b\x1b\x06\0\0"),
            &chunk(b"prVt", b"of a program's own"),
            &data,
            &end,
            b"what follows",
        ]
        .concat();
        assert_eq!(png(&file), [&signature[..], &head, &colours, &data, &end].concat());
        // One that was cut off is shown as far as it goes.
        let cut = [&signature[..], &head, &data[..10]].concat();
        assert_eq!(png(&cut), cut);
        let cut = [&signature[..], &head, &chunk(b"tEXt", b"Author\0somebody")[..12]].concat();
        assert_eq!(png(&cut), [&signature[..], &head].concat());
    }

    #[test]
    fn what_is_damaged_is_read_without_harm() {
        let file = [&[0xff, START][..], &exif(6), &seen(), &[0xff, END]].concat();
        for length in 0..file.len() {
            let _ = of(&file[..length]);
            let _ = jpeg(&file[..length]);
            let _ = png(&file[..length]);
        }
        for at in 0..file.len() {
            for byte in [0x00, 0x01, 0x7f, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = byte;
                assert!(jpeg(&damaged).bytes.len() <= file.len());
            }
        }
        assert_eq!(of(b"GIF89a"), None);
    }
}
