"""How each field is said in a sentence, in three languages: the data behind ``prose``.

``{v}`` is the list of values in the language's own words: their labels, or in English those of ``english``.
"""

from __future__ import annotations

# field -> (English, Japanese, Chinese)
SENTENCES: dict[str, tuple[str, str, str]] = {
    "rendering_tradition": ("It is drawn in the {v} style", "絵柄は{v}", "画风为{v}"),
    "era_look": ("The picture has the look of {v} animation", "画面は{v}の質感", "画面具有{v}的质感"),
    "line_style": ("The line work is {v}", "線は{v}", "线条为{v}"),
    "shading_steps": ("Figures are painted with {v}", "塗りは{v}", "上色采用{v}"),
    "shading_treatment": ("The shading uses {v}", "影と光は{v}で処理", "明暗处理使用{v}"),
    "palette": ("The palette is {v}", "色は{v}", "配色为{v}"),
    "lighting": ("The scene is lit with {v}", "光は{v}", "光照为{v}"),
    "background_style": ("The setting is rendered as {v}", "背景は{v}", "背景为{v}"),
    "character_proportion": ("Characters are {v} tall", "頭身は{v}", "角色比例为{v}"),
    "drawing_cadence": ("The animation is {v}", "作画は{v}", "作画节奏为{v}"),
    "limited_technique": (
        "Limited animation saves drawings with {v}",
        "{v}を使った省力作画",
        "使用有限动画手法：{v}",
    ),
    "spacing": ("The motion has {v}", "動きのツメは{v}", "运动的间距为{v}"),
    "motion_principle": ("The movement shows {v}", "動きには{v}がある", "动作体现{v}"),
    "motion_energy": ("Figure motion is {v}", "動きの量は{v}", "运动强度为{v}"),
    "time_treatment": ("Time is treated as {v}", "時間の扱いは{v}", "时间处理为{v}"),
    "action": ("The character {v}", "人物の動作は{v}", "角色的动作是{v}"),
    "acting_register": ("The acting is {v}", "芝居は{v}", "表演风格为{v}"),
    "smear_technique": ("Fast motion is smeared as {v}", "速い動きは{v}で描く", "快速动作用{v}表现"),
    "body_deformation": (
        "The body is deliberately deformed with {v}",
        "体は意図的に{v}で変形する",
        "身体被有意变形：{v}",
    ),
    "deformation_intensity": ("Exaggeration is {v}", "誇張の度合いは{v}", "夸张程度为{v}"),
    "background_animation": ("The background is {v}", "背景の動きは{v}", "背景动态为{v}"),
    "shot_scale": ("It is framed as {v}", "サイズは{v}", "景别为{v}"),
    "camera_angle": ("The camera sees it from {v}", "アングルは{v}", "机位为{v}"),
    "horizon": ("The horizon is {v}", "画面の傾きは{v}", "画面倾斜为{v}"),
    "framing": ("The composition uses {v}", "構図は{v}", "构图采用{v}"),
    "lens_perspective": ("The perspective is that of {v}", "パースは{v}", "透视为{v}"),
    "camera_move": ("The camera {v}", "カメラワークは{v}", "运镜为{v}"),
    "move_speed": ("The camera moves at {v}", "カメラの速さは{v}", "运镜速度为{v}"),
    "layer_parallax": ("Depth is built from {v}", "奥行きは{v}で作る", "纵深以{v}构成"),
    "camera_shake": ("The frame is {v}", "画面の揺れは{v}", "画面震动为{v}"),
    "focus": ("The focus is {v}", "ピントは{v}", "焦点为{v}"),
    "transition": ("The shot begins or ends with {v}", "つなぎは{v}", "转场为{v}"),
    "graphic_device": (
        "The picture is overlaid with {v}",
        "効果線や心象背景として{v}を入れる",
        "画面加入{v}",
    ),
    "impact_frame": ("An impact is punctuated by {v}", "衝撃の瞬間に{v}を入れる", "冲击瞬间插入{v}"),
    "manga_symbol": ("Manga shorthand shows {v}", "漫符として{v}が出る", "出现漫符：{v}"),
    "natural_effect": ("The scene has {v}", "自然現象のエフェクトは{v}", "自然特效有{v}"),
    "power_effect": ("Power shows as {v}", "技のエフェクトは{v}", "能量特效有{v}"),
    "effect_design": ("Effects are designed as {v}", "エフェクトの造形は{v}", "特效造型为{v}"),
    "light_effect": ("The compositing adds {v}", "光の撮影処理は{v}", "光效有{v}"),
    "finish": ("The picture is finished with {v}", "仕上げの処理は{v}", "画面质感处理为{v}"),
}

ABSENT: dict[str, str] = {
    "en": "There is no {label}",
    "ja": "{label}は使わない",
    "zh": "不使用{label}",
}
