//! The editor in a window that there is none of: keys go in, pictures come out. No clock, no graphics card.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use dream_soft_render::{ClipRect, Color, Frame, Mesh, SoftwareRenderer, TextureId, Vertex};
use egui::epaint::{ClippedPrimitive, ImageData, ImageDelta, Primitive};
use egui::{Context, Event, FullOutput, Key, Modifiers, RawInput, Rect, Vec2};
use farsend_plugin::editor::{EditorApp, Files};

use super::nobody::nobody;
use super::scenes::Scene;

/// A window with a scene in it.
pub(crate) struct Window {
    pub(crate) scene: Scene,
    pub(crate) app: EditorApp,
    context: Context,
    size: Vec2,
    scale: f32,
    time: f64,
    renderer: SoftwareRenderer,
    textures: HashMap<egui::TextureId, TextureId>,
    /// How the last frame came out.
    output: FullOutput,
}

impl Window {
    /// Of this size in points, with so many pixels to a point.
    pub(crate) fn open(scene: Scene, files: Files, size: [f32; 2], scale: f32) -> Self {
        let context = Context::default();
        // Pictures of discs need a smoother way to look them up than there is here.
        context.tessellation_options_mut(|options| options.prerasterized_discs = false);
        let mut app = EditorApp::new(Arc::clone(&scene.shared), files);
        app.open(&context, Some(nobody(&scene.shared)));
        app.turn_to(scene.page);
        Self {
            scene,
            app,
            context,
            size: size.into(),
            scale,
            time: 0.0,
            renderer: SoftwareRenderer::default(),
            textures: HashMap::new(),
            output: FullOutput::default(),
        }
    }

    /// Draws a frame so many seconds after the last one, with what happened before it.
    pub(crate) fn frame(&mut self, seconds: f64, events: Vec<Event>) {
        self.time += seconds;
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, self.size)),
            time: Some(self.time),
            focused: true,
            events,
            ..RawInput::default()
        };
        let viewport = input.viewports.entry(input.viewport_id).or_default();
        viewport.native_pixels_per_point = Some(self.scale);
        let mut output = self.context.run_ui(input, |ui| self.app.show(ui));
        let mut textures = std::mem::take(&mut output.textures_delta);
        for (id, images) in &textures.set {
            images
                .iter()
                .for_each(|image| self.take_texture(*id, image));
        }
        textures.clear();
        self.output = output;
    }

    /// A key, pressed and let go.
    pub(crate) fn press(&mut self, key: Key, modifiers: Modifiers) {
        for pressed in [true, false] {
            self.frame(
                0.05,
                vec![Event::Key {
                    key,
                    physical_key: None,
                    pressed,
                    repeat: false,
                    modifiers,
                }],
            );
        }
    }

    /// Text, typed.
    pub(crate) fn write(&mut self, text: &str) {
        self.frame(0.05, vec![Event::Text(text.into())]);
    }

    /// In how many seconds the window wants to be drawn again by itself; infinite: not before something happens.
    pub(crate) fn patience(&self) -> f64 {
        let delays = self.output.viewport_output.values();
        let delays = delays.map(|output| output.repaint_delay.as_secs_f64());
        delays.fold(f64::INFINITY, f64::min)
    }

    /// The last frame.
    pub(crate) fn picture(&mut self) -> Picture {
        let shapes = std::mem::take(&mut self.output.shapes);
        let primitives = self.context.tessellate(shapes, self.scale);
        let [width, height] = [self.size.x, self.size.y].map(|side| (side * self.scale) as usize);
        let mut pixels = Vec::new();
        // In bands, since there is a limit to what is drawn at once.
        for top in (0..height).step_by(BAND) {
            let rows = BAND.min(height - top);
            let frame = self.renderer.begin_frame(width, rows);
            let mut frame = frame.expect("a band is small");
            frame.clear(Color::from_rgb(0, 0, 0));
            for primitive in &primitives {
                draw(&mut frame, primitive, self.scale, top, &self.textures);
            }
            pixels.extend_from_slice(&self.renderer.surface().pixels);
        }
        Picture {
            width,
            height,
            pixels,
        }
    }

    fn take_texture(&mut self, id: egui::TextureId, delta: &ImageDelta) {
        let ImageData::Color(image) = &delta.image;
        let pixels: Vec<u8> = image
            .pixels
            .iter()
            .flat_map(|pixel| pixel.to_array())
            .collect();
        let [width, height] = image.size;
        let taken = match (delta.pos, self.textures.get(&id)) {
            (Some([x, y]), Some(known)) => {
                let known = *known;
                self.renderer
                    .update_texture(known, x, y, width, height, &pixels)
            }
            _ => self
                .renderer
                .create_texture(width, height, &pixels)
                .map(|fresh| {
                    self.textures.insert(id, fresh);
                }),
        };
        taken.expect("egui's textures are what they say");
    }
}

/// Draws what is in the rows from `top` on.
fn draw(
    frame: &mut Frame<'_>,
    primitive: &ClippedPrimitive,
    scale: f32,
    top: usize,
    textures: &HashMap<egui::TextureId, TextureId>,
) {
    let Primitive::Mesh(mesh) = &primitive.primitive else {
        panic!("the editor draws nothing but meshes");
    };
    let (width, height) = (frame.width(), frame.height());
    let place = |at: egui::Pos2| at.to_vec2() * scale - egui::vec2(0.0, top as f32);
    let pixel = |at: f32, most: usize| at.round().clamp(0.0, most as f32) as u32;
    let (min, max) = (
        place(primitive.clip_rect.min),
        place(primitive.clip_rect.max),
    );
    let clip = ClipRect::new(
        pixel(min.x, width),
        pixel(min.y, height),
        pixel(max.x, width),
        pixel(max.y, height),
    );
    let vertex = |vertex: &egui::epaint::Vertex| {
        let [r, g, b, a] = vertex.color.to_array();
        let colour = Color::from_rgba_premultiplied(r, g, b, a);
        Vertex::new(place(vertex.pos).into(), vertex.uv.into(), colour)
    };
    let vertices: Vec<_> = mesh.vertices.iter().map(vertex).collect();
    let mesh = Mesh {
        vertices: &vertices,
        indices: &mesh.indices,
        texture: textures.get(&mesh.texture_id).copied(),
    };
    frame.mesh(mesh, clip).expect("egui makes whole triangles");
}

/// Pixels: RGBA, the top row first.
pub(crate) struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// Writes it as a PNG.
    pub(crate) fn save(&self, path: &Path) {
        let folder = path.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).expect("folders can be made");
        let file = std::fs::File::create(path).expect("files can be made");
        let (width, height) = (self.width as u32, self.height as u32);
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().expect("there is room");
        let opaque: Vec<u8> = self
            .pixels
            .chunks(4)
            .flat_map(|pixel| &pixel[..3])
            .copied()
            .collect();
        writer.write_image_data(&opaque).expect("there is room");
    }

    /// The share of pixels that differ visibly from the picture in this file; `None`: there is none of this size.
    pub(crate) fn differs_from(&self, path: &Path) -> Option<f64> {
        let file = std::fs::File::open(path).ok()?;
        let mut reader = png::Decoder::new(std::io::BufReader::new(file))
            .read_info()
            .ok()?;
        let mut before = vec![0; reader.output_buffer_size()?];
        let about = reader.next_frame(&mut before).ok()?;
        if (about.width as usize, about.height as usize) != (self.width, self.height) {
            return None;
        }
        let differ = |(now, before): &(&[u8], &[u8])| {
            now.iter()
                .zip(*before)
                .any(|(now, before)| now.abs_diff(*before) > VISIBLE)
        };
        let pairs = self.pixels.chunks(4).zip(before.chunks(3));
        let count = pairs.filter(differ).count();
        Some(count as f64 / (self.width * self.height) as f64)
    }
}

/// Rows that are drawn at once.
const BAND: usize = 256;

/// How much of 255 a colour may be off.
const VISIBLE: u8 = 24;
